"""Static files under names that carry their digest, also where one of our JavaScript modules imports another."""

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

_Base: Any = CompressedManifestStaticFilesStorage


class ModuleStorage(_Base):  # type: ignore[misc]
    """Rewrites the imports of the ES modules below `js/`.

    They have to end in a semicolon and must not go in circles. What libraries bring is left alone: Django's patterns
    also fit sentences in their comments.
    """

    patterns = (*_Base.patterns, ("js/*.js", _Base._js_module_import_aggregation_patterns[1]))
