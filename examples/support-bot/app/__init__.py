"""The support assistant of Merrowfen Market: a small retrieval-augmented chat application.

``python -m app`` serves it. It is an example to be tested, with the design flaws that such
applications really have; ``README.md`` of the example names them.
"""
