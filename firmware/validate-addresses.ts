import { ADDRESS_LIMIT, PAGE_SIZE } from '../base/address';
import { LabError } from '../base/errors';
import { hex } from '../base/u64';
import { type BoardDescription, devicePlace, type DmaWindow, type Region } from './board';

/** A region and where it stands in the description. */
interface PlacedRegion extends Region {
  readonly place: string;
}

const rangeText = ({ base, size }: Region): string => `${hex(base)}-${hex(base + size - 1)}`;

const checkRegion = ({ base, size, place }: PlacedRegion): void => {
  const valid = Number.isInteger(base) && Number.isInteger(size) && base >= 0 && size > 0;
  if (!valid || base + size > ADDRESS_LIMIT) {
    const shown = Number.isInteger(base) && base >= 0 ? hex(base) : base;
    throw new LabError(`${place} (base ${shown}, size ${size}) is not a range of at least one byte below 2^52.`, {
      what: place,
    });
  }
};

const checkDisjoint = (regions: readonly PlacedRegion[]): void => {
  const sorted = regions.toSorted((a, b) => a.base - b.base);
  for (let i = 1; i < sorted.length; i++) {
    const [before, region] = [sorted[i - 1]!, sorted[i]!];
    if (region.base >= before.base + before.size) continue;
    throw new LabError(`${before.place} (${rangeText(before)}) and ${region.place} (${rangeText(region)}) overlap.`, {
      what: region.place,
    });
  }
};

const checkAll = (regions: readonly PlacedRegion[]): void => {
  regions.forEach(checkRegion);
  checkDisjoint(regions);
};

const placedMemory = ({ memory }: BoardDescription): PlacedRegion[] =>
  memory.map((bank, i) => ({ ...bank, place: `memory[${i}]` }));

const placedRegisters = ({
  interruptController,
  iommu,
  requesterGate,
  memoryGuard,
  devices,
}: BoardDescription): PlacedRegion[] => [
  { ...interruptController, place: 'interruptController' },
  ...(iommu === undefined ? [] : [{ ...iommu, place: 'iommu' }]),
  ...(requesterGate === undefined ? [] : [{ ...requesterGate, place: 'requesterGate' }]),
  ...(memoryGuard === undefined ? [] : [{ ...memoryGuard, place: 'memoryGuard' }]),
  ...devices.flatMap((device, i) =>
    (device.reg ?? []).map((region, j) => ({ ...region, place: `${devicePlace(device, i)}.reg[${j}]` })),
  ),
];

/** Banks and registers each lie in the address space, and share no byte; banks are whole pages. */
export const checkAddresses = (board: BoardDescription): void => {
  const banks = placedMemory(board);
  if (banks.length === 0) throw new LabError('The board has no memory.', { what: 'memory' });
  checkAll([...banks, ...placedRegisters(board)]);
  for (const bank of banks) {
    if (bank.base % PAGE_SIZE === 0 && bank.size % PAGE_SIZE === 0) continue;
    throw new LabError(`${bank.place} (${rangeText(bank)}) is not made of whole pages.`, { what: bank.place });
  }
};

/** Reserved memory lies in one bank each, and no two share a byte. */
export const checkReservedMemory = (board: BoardDescription): void => {
  const reserved = (board.reservedMemory ?? []).map((region, i) => ({
    ...region,
    place: `reservedMemory[${i}] (${region.label})`,
  }));
  checkAll(reserved);
  for (const region of reserved) {
    const end = region.base + region.size;
    if (board.memory.some((bank) => region.base >= bank.base && end <= bank.base + bank.size)) continue;
    const banks = placedMemory(board).map((bank) => `${bank.place} (${rangeText(bank)})`);
    throw new LabError(`${region.place} (${rangeText(region)}) is not inside ${banks.join(' or ')}.`, {
      what: region.place,
    });
  }
};

const checkWindowList = (windows: readonly DmaWindow[], place: string): void => {
  if (windows.length === 0) {
    throw new LabError(`${place}.dmaRanges is empty: leave it out for a bus without windows.`, { what: place });
  }
  const seen = (side: 'deviceAddress' | 'physicalAddress'): PlacedRegion[] =>
    windows.map((window, i) => ({ base: window[side], size: window.size, place: `${place}.dmaRanges[${i}]` }));
  seen('physicalAddress').forEach(checkRegion);
  checkAll(seen('deviceAddress'));
};

/** Windows lie in the address space on both sides, and are distinct on the device's. */
export const checkWindows = (board: BoardDescription): void => {
  board.devices.forEach((device, i) => {
    if (device.dmaRanges !== undefined) checkWindowList(device.dmaRanges, devicePlace(device, i));
  });
};
