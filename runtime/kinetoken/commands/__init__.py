"""The subcommands of the runtime: one file each, with `add_command(subparsers)`."""
