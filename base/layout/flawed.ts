import { badLayout, Layout } from './layout';

/**
 * A part of a declaration that makes no sense. The function that made it cannot know where it stands; the struct that it
 * becomes a field of does, and throws with the field's path. Anything else that uses it is told without one.
 */
export class FlawedLayout extends Layout<never> {
  readonly kind = 'flawed';
  readonly typeName: string;
  /** Path of the flaw within this part: empty, or `[]` for the elements of an array. */
  readonly path: string;
  /** Completes the sentence after the path. */
  readonly flaw: string;

  constructor(typeName: string, path: string, flaw: string) {
    super();
    this.typeName = typeName;
    this.path = path;
    this.flaw = flaw;
  }

  get size(): number {
    return this.fail();
  }

  get align(): number {
    return this.fail();
  }

  read(): never {
    return this.fail();
  }

  store(): void {
    this.fail();
  }

  problem(): string | null {
    return this.fail();
  }

  private fail(): never {
    throw badLayout(`${this.typeName}${this.path}`, this.flaw);
  }
}
