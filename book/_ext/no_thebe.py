"""Without thebe, which jupyter-book always brings: it runs code on servers elsewhere; its script fails."""

SCRIPTS = ("init_thebe_core", "update_thebe_context")


def setup(app):
    app.setup_extension("sphinx_thebe")
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler.__module__ == "sphinx_thebe" and listener.handler.__name__ in SCRIPTS:
                app.disconnect(listener.id)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
