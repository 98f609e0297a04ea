"""The REST API that OpenAI's clients speak."""
