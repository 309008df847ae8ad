import type { Clock, Timer } from '../../emulator/clock';
import { Arbiter } from './arbiter';
import type { Channel } from './channel';

/** What the engine tells the controller. */
export interface EngineEvents {
  /** A reset was requested; the engine has dropped the step in flight. */
  reset(): void;
  /** Channels may have been enabled, disabled or changed their requests. */
  settled(): void;
}

/**
 * The controller's one data path, driven by one timer.
 *
 * Each firing ends the step in flight, lets software's requests take effect and begins the next channel's step, so the
 * work of a firing is bounded by that of a step. Registers only leave notes and call `kick`: nothing that happens during
 * a step, not even the controller writing to its own registers, is acted upon within it.
 */
export class Engine {
  private readonly channels: readonly Channel[];
  private readonly events: EngineEvents;
  private readonly startNs: number;
  private readonly timer: Timer;
  private readonly arbiter: Arbiter;
  private inFlight: Channel | undefined;
  private firing = false;
  /** Set by `kick`: there are requests to obey. */
  private kicked = false;
  private resetRequested = false;

  constructor(clock: Clock, name: string, channels: readonly Channel[], startNs: number, events: EngineEvents) {
    this.channels = channels;
    this.events = events;
    this.startNs = startNs;
    this.timer = clock.timer(`${name}.engine`, () => this.fire());
    this.arbiter = new Arbiter(channels);
    this.arbiter.reset();
  }

  /** Something changed that may give the engine work. */
  kick(): void {
    this.kicked = true;
    if (!this.firing && !this.timer.armed) this.timer.armAfter(this.startNs);
  }

  /** Asks for a reset, which does not wait for the step in flight. */
  requestReset(): void {
    this.resetRequested = true;
    if (!this.firing) this.timer.armAfter(this.startNs);
  }

  /** Stops at once. */
  reset(): void {
    this.timer.cancel();
    this.inFlight = undefined;
    this.resetRequested = false;
    this.kicked = false;
    this.arbiter.reset();
  }

  private fire(): void {
    if (this.resetRequested) {
      this.reset();
      this.events.reset();
      return;
    }
    this.firing = true;
    const retired = this.inFlight;
    retired?.retire();
    if (this.kicked) this.obeyRequests();
    else if (retired !== undefined && !retired.enabled) this.settle();
    const next = this.arbiter.pick();
    this.inFlight = next;
    const duration = next === undefined ? 0 : next.step();
    this.firing = false;
    if (this.resetRequested) this.timer.armAfter(this.startNs);
    else if (next !== undefined) this.timer.armAfter(Math.max(1, duration));
    else if (this.kicked) this.timer.armAfter(this.startNs);
  }

  private obeyRequests(): void {
    this.kicked = false;
    for (const channel of this.channels) channel.obeyRequests();
    this.settle();
  }

  private settle(): void {
    this.arbiter.update();
    this.events.settled();
  }
}
