"""The documentation site: what MkDocs builds beside the pages of ``docs/``."""
