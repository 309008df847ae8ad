/**
 * Boot arguments with some of their words replaced: `change` is given each word and returns it as it should be, or
 * undefined to leave it out. What is added goes to the front, since words behind `--` are not the kernel's. The result is
 * undefined if nothing is left.
 */
export const changeBootWords = (
  bootargs: string | undefined,
  change: (word: string) => string | undefined,
  added: readonly string[],
): string | undefined => {
  const words = bootargs?.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  const kept = words.map(change).filter((word) => word !== undefined);
  return kept.length + added.length === 0 ? undefined : [...added, ...kept].join(' ');
};

/** A word `swiotlb=…` that forces nothing; undefined if it says nothing else. Other words pass. */
export const unforced = (word: string): string | undefined => {
  const [, sizes] = /^swiotlb=(.*?),?force$/.exec(word) ?? [];
  if (sizes === undefined) return word;
  return sizes === '' ? undefined : `swiotlb=${sizes}`;
};

/** The sizes that a word `swiotlb=…` asks for, without `force` or `noforce`; undefined if it is another word. */
export const swiotlbSizes = (word: string): string | undefined => /^swiotlb=(.*?),?(?:no)?(?:force)?$/.exec(word)?.[1];
