import {
  Completion,
  EBUSY,
  complete,
  descriptors,
  msecs_to_jiffies,
  wait_for_completion_timeout,
  wmb,
  type PrototypeQueue,
  type ScenarioContext,
  type TransferLists,
  type TransferResult,
} from 'dmalab';

/**
 * Requests that a queue is given in their order: as many as it has room for, and more with each interrupt that tells of an end.
 * So a queue of few entries goes round and round.
 */
export class Traffic {
  /** How each request ended, in the order of the requests. */
  readonly results: TransferResult[] = [];
  private readonly lab: ScenarioContext;
  private readonly queue: PrototypeQueue;
  private readonly requests: readonly TransferLists[];
  private readonly done: Completion;
  private submitted = 0;
  private ended = 0;
  /** Times that the queue had no room. */
  full = 0;

  /** Submits the first requests. @param device label of the engine: what was posted is looked at as it sees it */
  constructor(lab: ScenarioContext, device: string, queue: PrototypeQueue, requests: readonly TransferLists[]) {
    this.lab = lab;
    this.queue = queue;
    this.requests = requests;
    this.done = new Completion(lab.kernel);
    this.submit();
    this.expectWellFormed(device);
    queue.kick();
  }

  private submit(): void {
    const { queue, requests } = this;
    while (this.submitted < requests.length) {
      const index = this.submitted;
      const error = queue.submit(requests[index]!, (result) => this.end(index, result), true);
      if (error === -EBUSY) {
        this.full++;
        return;
      }
      this.lab.ok(error, `submitting request ${index}`);
      this.submitted++;
    }
  }

  /** In interrupt context. */
  private end(index: number, result: TransferResult): void {
    this.results[index] = result;
    if (++this.ended === this.requests.length) complete(this.done);
    else {
      this.submit();
      this.queue.kick();
    }
  }

  /** Nothing that the device is about to read is wrong. It has not been told of it yet, which would be a barrier, too. */
  private expectWellFormed(device: string): void {
    const { lab, queue } = this;
    wmb(lab.kernel);
    const { requests, findings } = descriptors.walk(queue.format, lab.machine.hardware.port(device), queue.pending!);
    lab.equal(findings[0]?.message, undefined, `the descriptors of ${device}`);
    lab.check(requests.length >= this.submitted, `${this.submitted} requests were posted, not ${requests.length}`);
  }

  /** Waits until all have ended. */
  async finished(): Promise<void> {
    const { lab, done, results, requests } = this;
    const left = await wait_for_completion_timeout(done, msecs_to_jiffies(100));
    lab.check(left > 0, `${this.ended} of ${requests.length} requests ended within 100 ms`);
    results.forEach(({ error }, index) => lab.ok(error, `request ${index}`));
  }
}
