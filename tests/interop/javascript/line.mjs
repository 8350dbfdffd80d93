// Does what the driver says: one JSON object per line comes in, one per line goes out.
//
//   {"do": "verify", "token": "..."}  ->  {"ok": ...}, or {"refused": "the library's words"}
import { createInterface } from "node:readline";

// The clock of every library here, which the driver moves: a minute passes without waiting.
const realNow = Date.now.bind(Date);
let aheadMs = 0;
Date.now = () => realNow() + aheadMs;

const later = ({ seconds }) => {
  aheadMs += seconds * 1000;
  return true;
};

// How long a library may wait for an answer: much, since the machine may be busy.
export const patienceMs = 60_000;

// What an error says, and what each of its causes says.
function words(error) {
  const own = [error.name, error.code, error.error, error.message];
  const cause = error.cause instanceof Error ? [words(error.cause)] : [];
  return own.concat(cause).filter(Boolean).join(": ");
}

// Does the actions until the driver has no more to say.
export async function serve(actions) {
  const known = { later, ...actions };
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: action, ...wish } = JSON.parse(line);
    const answer = await Promise.resolve(wish)
      .then(known[action])
      .then((ok) => ({ ok }), (error) => ({ refused: words(error) }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit();
}
