"""Written files are judged and described: against their module, their contract, each other; nothing here makes one."""
