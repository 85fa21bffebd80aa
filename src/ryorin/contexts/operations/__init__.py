"""Operations: what people and programs see and do of commands and projections."""
