{{ engine_samples('vllm') }}
