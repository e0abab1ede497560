"""The prepare stage: check or download a source, compute its digest and find its finished artifact."""
