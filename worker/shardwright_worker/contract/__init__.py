"""What worker and operator agree on: reasons, report, progress, settings, names and manifest. Imports nothing heavy."""
