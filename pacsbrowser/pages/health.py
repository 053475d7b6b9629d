"""The page that machines ask whether the product is ready, and the help page."""

from django.contrib.auth.decorators import login_not_required
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from pacsbrowser.pages.render import page


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and has every table of this version, else 503."""
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
        ready = _migrated()
    except DatabaseError:
        ready = False
    text = "ready\n" if ready else "not ready\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=200 if ready else 503)


def _migrated() -> bool:
    """Looked up until it is so; it stays so for the life of the process."""
    if not _known:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            _known.append(True)
    return bool(_known)


_known: list[bool] = []


@require_safe
def help(request: HttpRequest) -> HttpResponse:
    """What the product is, the roles, how to search, the shortcuts."""
    return page(request, "pages/help.html")
