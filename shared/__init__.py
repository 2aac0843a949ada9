"""The program: everything that scoring does, free of Azure Functions types so that any host can call it."""
