/** What a thread has to say, kept back while it is not its turn. */
export class HeldOutput {
  private held: (() => void)[] | null = null;

  /** Says it now, or when its turn has come. */
  say(words: () => void): void {
    if (this.held === null) words();
    else this.held.push(words);
  }

  /** From now on everything is kept back. */
  hold(): void {
    this.held ??= [];
  }

  /** It is its turn: says what was kept back, and from now on everything at once. */
  release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const words of held) words();
  }

  /** Gives away what was kept back, to be said later. */
  take(): (() => void)[] {
    const held = this.held ?? [];
    this.held = null;
    return held;
  }
}
