"""A trained network as files that others run: weights, source, torch.export, ONNX, OpenVINO, INT8; each looked at.

Torch, and what a format needs, is loaded when something is written or read.
"""
