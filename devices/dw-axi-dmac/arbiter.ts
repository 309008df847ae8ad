import type { Channel } from './channel';

/** Gives the data path to one channel at a time: the highest priority first, in turn among equals. */
export class Arbiter {
  private readonly channels: readonly Channel[];
  /** Those that are enabled; the others need not be looked at. */
  private enabled: readonly Channel[] = [];
  private lastServed = 0;

  constructor(channels: readonly Channel[]) {
    this.channels = channels;
  }

  /** Channels may have been enabled or disabled. */
  update(): void {
    this.enabled = this.channels.filter((channel) => channel.enabled);
  }

  /** The channel that works next; undefined if none can. */
  pick(): Channel | undefined {
    const { enabled } = this;
    let best: Channel | undefined;
    for (let i = 0; i < enabled.length; i++) {
      const channel = enabled[i]!;
      if (channel.ready && (best === undefined || this.goesBefore(channel, best))) best = channel;
    }
    if (best !== undefined) this.lastServed = best.index;
    return best;
  }

  /** `best` has the smaller number. */
  private goesBefore(channel: Channel, best: Channel): boolean {
    if (channel.priority !== best.priority) return channel.priority > best.priority;
    return best.index <= this.lastServed && channel.index > this.lastServed;
  }

  /** Forgets whose turn it was. */
  reset(): void {
    this.lastServed = this.channels.length - 1;
    this.update();
  }
}
