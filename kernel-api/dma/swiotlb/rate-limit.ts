/** `DEFAULT_RATELIMIT_INTERVAL`, in nanoseconds, and how many messages may come in one. */
const INTERVAL = 5_000_000_000;
const BURST = 10;

/** `struct ratelimit_state`: ten messages in five seconds of simulated time; what is held back is counted. */
export class RateLimit {
  private begin = -1;
  private printed = 0;
  private missed = 0;

  /**
   * Whether a message may be printed now. @param resume called with the number of messages that were held back, before the
   * first one that is not
   */
  allows(now: number, resume: (missed: number) => void): boolean {
    if (this.begin < 0 || now > this.begin + INTERVAL) {
      if (this.missed > 0) resume(this.missed);
      this.begin = now;
      this.printed = 0;
      this.missed = 0;
    }
    if (this.printed < BURST) {
      this.printed++;
      return true;
    }
    this.missed++;
    return false;
  }
}
