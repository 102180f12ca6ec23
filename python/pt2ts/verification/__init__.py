"""Written files are judged: against their module, their contract, each other; nothing here makes one."""
