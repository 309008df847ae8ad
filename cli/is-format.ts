import type { descriptors } from '../index';

/** Whether what a module exports is a descriptor format. */
export const isFormat = (value: unknown): value is descriptors.Format => {
  if (typeof value !== 'object' || value === null) return false;
  const { entry, follow, completion, descriptors: all } = value as Partial<descriptors.Format>;
  return entry?.kind === 'descriptor' && follow !== undefined && completion !== undefined && Array.isArray(all);
};
