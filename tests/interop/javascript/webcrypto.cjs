// Node 18, which Debian 12 has, hides this behind a flag; later ones have it.
globalThis.crypto ??= require("node:crypto").webcrypto;
