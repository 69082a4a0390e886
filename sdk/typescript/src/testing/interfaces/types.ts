// Nothing is called here: an interface of types alone.

export {};
