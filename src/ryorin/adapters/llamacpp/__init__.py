"""llama.cpp in this process, for the bundled small model and any other GGUF file."""
