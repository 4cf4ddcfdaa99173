{{ engine_samples('tgi') }}
