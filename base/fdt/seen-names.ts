/** With more names than this a set pays. */
const FEW = 12;

/** Names that were there already. Most nodes have few, and some blobs very many. */
export class SeenNames {
  private readonly few: string[] = [];
  private many: Set<string> | undefined;

  /** @returns false if the name was added before */
  add(name: string): boolean {
    if (this.many !== undefined) {
      if (this.many.has(name)) return false;
      this.many.add(name);
      return true;
    }
    if (this.few.includes(name)) return false;
    this.few.push(name);
    if (this.few.length > FEW) this.many = new Set(this.few);
    return true;
  }
}
