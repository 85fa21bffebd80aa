"""Any OpenAI-compatible server (vLLM, Ollama, llama.cpp, OpenAI itself), through our own thin client."""
