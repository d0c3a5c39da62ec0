class GreenhouseAddon:
    """Brings its own pipeline and sets what the project has not."""

    def update_settings(self, settings):
        settings.set("GREENHOUSE_TOKEN", "glass", priority="addon")
        settings.set("DOWNLOAD_DELAY", 0.01, priority="addon")
        settings["ITEM_PIPELINES"]["greenhouse.pipelines.WarmPipeline"] = 400
