"""Static files under names that carry their digest, also where one of our JavaScript modules imports another.

The parts of the viewer keep the names that its build gave them.
"""

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

from pacsbrowser.static_names import is_built

_Base: Any = CompressedManifestStaticFilesStorage


class ModuleStorage(_Base):  # type: ignore[misc]
    """Rewrites the imports of the ES modules below `js/`.

    They have to end in a semicolon and must not go in circles. What libraries bring is left alone: Django's patterns
    also fit sentences in their comments.
    """

    patterns = (*_Base.patterns, ("js/*.js", _Base._js_module_import_aggregation_patterns[1]))

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Return the name under which a file is served."""
        return name if is_built(name) else str(super().hashed_name(name, content, filename))
