import { ERROR, type ErrorCode } from '../spec';

/** What is known of a request when it ends, for whoever tells software. */
export class RequestEnd {
  /** The (last) entry, in lanes. */
  lanes: Int32Array = new Int32Array(0);
  base = 0;
  /** Where the (first) entry lies, and the phase of its lap or the head that led to it. */
  page = 0;
  offset = 0;
  extra = 0;
  /** Where the last entry lies; often the same. */
  lastPage = 0;
  lastOffset = 0;
  /** Bytes that moved, in all and for the last entry. */
  written = 0;
  entryBytes = 0;
  /** Bytes that were written to memory. */
  toMemory = 0;
  /** What made it fail. */
  code: ErrorCode = ERROR.NONE;
  /** `Q_INDEX` once it has ended. */
  index = 0;
  /** Its data came from the stream; it has the first, and the last, of a packet. */
  fromStream = false;
  startsPacket = false;
  endsPacket = false;
}
