import { LabError } from '../../base/errors';

/**
 * Something that owns a resource: what a value with a `Drop` implementation is in Rust. It is released once, by `drop()` or
 * at the end of the scope of `using`; doing so again is harmless. Using it after that, or after what it owns went to a new
 * owner, is a `LabError`: in Rust it would not compile.
 */
export abstract class Owner implements Disposable {
  /** How its time ended: completes "… was used after it …". Null while it owns something. */
  #ended: string | null = null;

  /** What it is called in messages. */
  protected abstract describe(): string;

  /** Gives the resource back. Called once at most. */
  protected abstract release(): void;

  /** Whether it still owns its resource. */
  protected get isAlive(): boolean {
    return this.#ended === null;
  }

  /** Releases what it owns, unless that is over. */
  drop(): void {
    if (this.#ended !== null) return;
    this.#ended = 'was dropped';
    this.release();
  }

  /** As `drop`: the end of a `using` scope. */
  [Symbol.dispose](): void {
    this.drop();
  }

  /** Throws if it owns nothing any more. Every method that uses the resource begins with it. */
  protected checkAlive(): void {
    if (this.#ended !== null) throw new LabError(`${this.describe()} was used after it ${this.#ended}.`);
  }

  /** Its resource goes to a new owner. @param how completes the sentence: "was converted into a Coherent" */
  protected giveAway(how: string): void {
    this.checkAlive();
    this.#ended = how;
  }
}
