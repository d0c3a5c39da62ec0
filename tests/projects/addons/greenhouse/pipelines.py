class WarmPipeline:
    def process_item(self, item, spider=None):
        return {**item, "warm": True}
