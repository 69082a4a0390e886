// What tests of a plugin are written with. They run by `node --import @freehold/sdk/testing/register --test`.

export { Failure } from "../failure.ts";
export {
  type Answer,
  event,
  Host,
  type LogLine,
  type Peer,
  type Reply,
  SentRequest,
  type SentStream,
  type Settings,
} from "./host.ts";
