"""The command line: its flags, and a module for each subcommand."""
