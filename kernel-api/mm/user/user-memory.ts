import { PAGE_SIZE, offsetInPage, physAddr, type PhysAddr } from '../../../base/address';
import type { CpuMemory } from '../../../emulator/cpu-port';
import { TASK_SIZE } from '../layout';
import { handleFault, vmaPermits, type FaultKind } from './fault';
import type { MmStruct } from './mm-struct';
import type { Pte } from './user-page-table';

/** What is done with each piece: memory by its type, physical address, how far into the range, bytes. A bus outcome. */
type Access = (memory: CpuMemory, at: PhysAddr, done: number, length: number) => number;

/** The entry that an access goes through, after a fault if need be; undefined where it is not allowed. */
const entryFor = (mm: MmStruct, address: number, kind: FaultKind): Pte | undefined => {
  const pte = mm.table.at(address);
  const vma = mm.vmas.lookup(address);
  if (vma === null || !vmaPermits(vma, kind, false)) return undefined;
  if (pte !== undefined && (kind === 'read' || pte.writable)) return pte;
  return handleFault(mm, address, kind) === 0 ? mm.table.at(address) : undefined;
};

/**
 * Loads or stores a range of user memory, page by page, with the faults that this takes. Pieces do not cross a page.
 *
 * @returns how many bytes were done before an access that is not allowed, finds no memory, or that the bus refuses
 */
export const accessUser = (
  mm: MmStruct,
  address: number,
  length: number,
  kind: 'read' | 'write',
  access: Access,
): number => {
  const { cpu } = mm.kernel;
  let done = 0;
  while (done < length) {
    const here = address + done;
    if (!(here >= 0 && here < TASK_SIZE)) break;
    const pte = entryFor(mm, here, kind);
    if (pte === undefined) break;
    const offset = offsetInPage(here);
    const count = Math.min(length - done, PAGE_SIZE - offset);
    const memory = pte.uncached ? cpu.uncached : cpu;
    if (access(memory, physAddr(pte.pfn * PAGE_SIZE + offset), done, count) < 0) break;
    done += count;
  }
  return done;
};
