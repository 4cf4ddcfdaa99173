{{ engine_samples('triton', has_gpu=true) }}
