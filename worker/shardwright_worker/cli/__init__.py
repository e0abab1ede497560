"""The command line: its flags, what they mean, and which room each subcommand calls."""
