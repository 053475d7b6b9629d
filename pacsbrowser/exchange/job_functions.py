"""What exchange lets a worker do."""

from typing import Any

from pacsbrowser.exchange.commitment import JOB, report_to
from pacsbrowser.exchange.failures import ExchangeError
from pacsbrowser.exchange.models import Node
from pacsbrowser.jobs.work import JobFailed, Progress, job


@job(JOB)
def report_commitment(progress: Progress, node: int, transaction: str, references: list[list[str]]) -> dict[str, Any]:
    """Tell a node which of the objects that it asked about are safe here."""
    row = Node.objects.filter(pk=node).first()
    if row is None:
        raise JobFailed("The node is not known any more.")
    try:
        report_to(row, transaction, [(one[0], one[1]) for one in references])
    except ExchangeError as error:
        progress.log(str(error))
        progress.flush()
        raise
    return {"objects": len(references)}
