/** A claimed range of physical addresses. */
interface Region {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** Which driver uses which registers (`iomem_resource`): two drivers on the same ones is a mistake that is refused. */
export class MemRegions {
  private readonly regions: Region[] = [];

  /** Claims a range; false if part of it is claimed (`request_mem_region`). */
  request(start: number, size: number, name: string): boolean {
    const end = start + size;
    if (this.regions.some((region) => start < region.end && end > region.start)) return false;
    this.regions.push({ start, end, name });
    return true;
  }

  /** Gives a range back; false if it was not claimed like this. */
  release(start: number, size: number): boolean {
    const index = this.regions.findIndex((region) => region.start === start && region.end === start + size);
    if (index >= 0) this.regions.splice(index, 1);
    return index >= 0;
  }
}
