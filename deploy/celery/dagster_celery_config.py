"""What a worker needs to know: `dagster_celery.app` imports this module by its name, from PYTHONPATH."""

import os

broker_url = os.environ["DAGSTER_CELERY_BROKER_URL"]
result_backend = os.environ["DAGSTER_CELERY_BACKEND_URL"]
# A worker takes the next run when it is done with this one, and not before: another one may be free.
worker_prefetch_multiplier = 1
# A worker that is told to stop while its run goes on keeps the run's place; see docs/deploying.md.
broker_connection_retry_on_startup = True
