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

/** A word `swiotlb=…` without some of its items; undefined if none are left. Other words pass. */
export const withoutItems = (word: string, ...items: readonly string[]): string | undefined => {
  const [, value] = /^swiotlb=(.*)$/.exec(word) ?? [];
  if (value === undefined) return word;
  const left = value.split(',').filter((item) => !items.includes(item));
  return left.every((item) => item === '') ? undefined : `swiotlb=${left.join(',')}`;
};
