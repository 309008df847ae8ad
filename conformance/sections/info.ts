import { SIZE_MAX } from '../../base/address';
import { dma_get_cache_alignment } from '../../kernel-api/dma/arch-sync';
import {
  dma_get_max_seg_size,
  dma_get_merge_boundary,
  dma_get_seg_boundary,
  dma_max_mapping_size,
  dma_opt_mapping_size,
} from '../../kernel-api';
import type { InfoAnswers } from '../answers';
import type { Subject } from '../subject';
import { compare, type Verdict } from '../verdict';

/** A size as C prints it with `%zu`. */
export const sizeText = (size: number): string => (size >= SIZE_MAX ? (2n ** 64n - 1n).toString() : String(size));

/** What is asked for each member, and how the kernel that was measured printed it. */
const QUESTIONS: Readonly<Record<keyof InfoAnswers, readonly [name: string, ask: (subject: Subject) => string]>> = {
  max_mapping: ['dma_max_mapping_size', ({ dev }) => sizeText(dma_max_mapping_size(dev))],
  opt: ['dma_opt_mapping_size', ({ dev }) => sizeText(dma_opt_mapping_size(dev))],
  merge: ['dma_get_merge_boundary', ({ dev }) => dma_get_merge_boundary(dev).toString(16)],
  seg: ['dma_get_max_seg_size', ({ dev }) => String(dma_get_max_seg_size(dev))],
  bound: ['dma_get_seg_boundary', ({ dev }) => dma_get_seg_boundary(dev).toString(16)],
  align: ['dma_get_cache_alignment', ({ kernel }) => String(dma_get_cache_alignment(kernel))],
};

/** Sizes, boundaries and alignment before a driver has set anything; each is a case. */
export const infoCases = (answers: InfoAnswers): (readonly [keyof InfoAnswers, string])[] =>
  (Object.keys(QUESTIONS) as (keyof InfoAnswers)[]).map((member) => [member, answers[member]]);

export const replayInfo = (subject: Subject, [member, expected]: readonly [keyof InfoAnswers, string]): Verdict => {
  const [name, ask] = QUESTIONS[member];
  return compare(name, expected, ask(subject));
};
