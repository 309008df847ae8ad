/** What a queue has done since power-on or reset, for whoever compares formats. Hardware's own; software cannot read it. */
export class QueueStatistics {
  doorbells = 0;
  /** Requests that ended, and entries that they were made of (those of tables included). */
  requests = 0;
  entries = 0;
  failures = 0;
  /** Reads of entries, headers, heads, tables and lists, and their bytes. Entries read too early count each time. */
  fetchReads = 0;
  fetchBytes = 0;
  /** Bytes read from and written to memory as data. */
  readBytes = 0;
  writtenBytes = 0;
  /** Writes by which completions were told, and their bytes. */
  completionWrites = 0;
  completionBytes = 0;
  /** How often `COMPLETE` went from clear to set. */
  interrupts = 0;
  /** Nanoseconds in which the data path worked for this queue, and in which it only waited for answers on its way. */
  busyNs = 0;
  dataStallNs = 0;
  /** Nanoseconds in which the queue could do nothing for want of an entry, of the stream, of room for a completion. */
  fetchStallNs = 0;
  streamStallNs = 0;
  completionStallNs = 0;

  /** All zero. */
  clear(): void {
    Object.assign(this, new QueueStatistics());
  }
}
