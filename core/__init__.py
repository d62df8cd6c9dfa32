"""Everything behind the page: data, base models, losses, training, measuring. Imports neither gradio nor ui."""
