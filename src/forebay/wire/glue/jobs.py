"""Jobs: there are none and none can be made, which is what asking for one says."""

from __future__ import annotations

from forebay.wire.glue.base import SERVICE, not_found
from forebay.wire.service import Asked, Json


@SERVICE.operation("GetJob")
async def get_job(asked: Asked, given: Json) -> Json:
    """No job exists."""
    raise not_found(f"Job {given['JobName']} not found.")


@SERVICE.operation("GetJobs")
async def get_jobs(asked: Asked, given: Json) -> Json:
    """None."""
    return {"Jobs": []}


@SERVICE.operation("ListJobs")
async def list_jobs(asked: Asked, given: Json) -> Json:
    """None."""
    return {"JobNames": []}


@SERVICE.operation("BatchGetJobs")
async def batch_get_jobs(asked: Asked, given: Json) -> Json:
    """Not one of them."""
    return {"Jobs": [], "JobsNotFound": given["JobNames"]}


@SERVICE.operation("GetJobRuns")
async def get_job_runs(asked: Asked, given: Json) -> Json:
    """No job exists."""
    raise not_found(f"Job {given['JobName']} not found.")


@SERVICE.operation("GetJobRun")
async def get_job_run(asked: Asked, given: Json) -> Json:
    """No job exists."""
    raise not_found(f"Job {given['JobName']} not found.")


@SERVICE.operation("StartJobRun")
async def start_job_run(asked: Asked, given: Json) -> Json:
    """No job exists."""
    raise not_found(f"Job {given['JobName']} not found.")
