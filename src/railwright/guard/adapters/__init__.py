"""A guard inside the SDKs that applications call models with, one module for each SDK.

``from railwright.guard.adapters.openai import guard_client`` needs the OpenAI SDK and no other:
importing one module never imports the SDK of another.
"""
