"""Where modules come from: Python objects, saved files, weights, Keras, ONNX; nothing here knows how they are exported."""
