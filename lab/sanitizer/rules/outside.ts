import { PAGE_SIZE, dmaAddrOf } from '../../../base/address';
import { hex } from '../../../base/u64';
import { DMA_ATTR_MMIO } from '../../../kernel-api/dma/attrs';
import type { ReportId } from '../catalogue';
import type { Lease } from '../lease';
import type { Moment } from '../recorder';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';

/** An access, or the end of one, to where nothing is mapped for the device. */
export interface StrayAccess {
  readonly page: number;
  readonly offset: number;
  readonly length: number;
  readonly write: boolean;
  /** Whether it reached memory. */
  readonly done: boolean;
}

/** What such an access most probably is. */
interface Explanation {
  readonly id: ReportId;
  /** The rest of the sentence. */
  readonly clue: string;
  readonly lease?: Lease | undefined;
  readonly places?: readonly (readonly [string, Moment | null])[];
  readonly fault?: string;
}

type Guess = (state: SanitizerState, device: WatchedDevice, access: StrayAccess) => Explanation | null;

const afterUnmap: Guess = (_state, device, { page, offset, done }) => {
  const lease = device.findPast(page, offset)?.lease;
  if (lease === undefined) return null;
  // Without a queue the unmap does not return before the IOMMU has forgotten: then it is still under way.
  const throughIommu = done && (device.dev.dma.iommu?.queue ?? null) !== null;
  return {
    id: throughIommu ? 'DMA-STALE-IOTLB' : 'DMA-USE-AFTER-UNMAP',
    clue: throughIommu
      ? `after ${lease.name} was unmapped, by a translation that the IOMMU still had`
      : `after ${lease.name} was unmapped`,
    lease,
    places: [['unmapped', lease.unmapped]],
    fault: 'unmapped',
  };
};

const ofAnother: Guess = (state, device, { page, offset }) => {
  const lease = state.otherWith(device, page, offset);
  if (lease === null) return null;
  return { id: 'DMA-WRONG-DEVICE', clue: `which is mapped for ${lease.device.name}`, lease, fault: 'mapped' };
};

const ofFailed: Guess = (_state, { failed }) => {
  if (failed === null) return null;
  const clue = `where nothing is mapped: ${failed.what} had failed`;
  return { id: 'DMA-MAP-FAILED-USED', clue, places: [['mapping failed', failed.when]], fault: 'mapping failed' };
};

/** Bytes from an address of the device's to the nearest byte of a lease. */
const distanceTo = (lease: Lease, { page, offset }: StrayAccess): number =>
  Math.min(
    ...lease.terms.devicePieces.map((piece) => {
      const from = (page - piece.page) * PAGE_SIZE + offset - piece.offset;
      return from < 0 ? -from : Math.max(from - piece.length + 1, 0);
    }),
  );

/** Who begins with the first byte has the address right, and only goes too far. */
const hasLostOffset = ({ terms, firstUsed }: Lease): boolean =>
  firstUsed !== 0 &&
  terms.bounced &&
  terms.devicePieces.length === 1 &&
  terms.memoryPieces.length === 1 &&
  terms.devicePieces[0]!.offset !== terms.memoryPieces[0]!.physical % PAGE_SIZE;

const alignmentLost: Guess = (_state, device, access) => {
  for (const lease of device.leases) {
    if (!hasLostOffset(lease) || distanceTo(lease, access) > PAGE_SIZE) continue;
    const [was, is] = [lease.terms.memoryPieces[0]!.physical % PAGE_SIZE, lease.terms.devicePieces[0]!.offset];
    const clue = `beside ${lease.name}, whose buffer begins ${was} bytes into its page and whose bounce buffer ${is}`;
    return { id: 'DMA-ALIGN-LOST', clue, lease, fault: 'mapped' };
  }
  return null;
};

const onPage: Guess = (_state, device, { page, offset }) => {
  const here = page + Math.floor(offset / PAGE_SIZE);
  const lease = device.on(here).find(({ terms, isShared }) => !isShared && (terms.attrs & DMA_ATTR_MMIO) === 0);
  if (lease === undefined) return null;
  return { id: 'DMA-SUB-PAGE', clue: `on the page of ${lease.name}, but not of it`, lease, fault: 'mapped' };
};

const GUESSES: readonly Guess[] = [afterUnmap, ofAnother, ofFailed, alignmentLost, onPage];

const mergedList = (device: WatchedDevice): string => {
  for (const { terms } of device.leases) {
    const entries = terms.devicePieces.length;
    if (terms.kind === 'sg' && entries < terms.nents)
      return `; a list of ${terms.nents} entries is mapped to ${entries}`;
  }
  return '';
};

/** What a device did; what it tried to do where it was refused. */
export const attempt = (done: boolean, did: string, todo: string): string => (done ? did : `tried to ${todo}`);

/** What an access to where nothing is mapped for a device most probably is. */
export const explainOutside = (state: SanitizerState, device: WatchedDevice, access: StrayAccess): Explanation =>
  GUESSES.reduce<Explanation | null>((found, guess) => found ?? guess(state, device, access), null) ?? {
    id: 'DMA-OUTSIDE-MAPPING',
    clue: `where nothing is mapped for it${mergedList(device)}`,
  };

/** Reports an access to where nothing is mapped, as what it most probably is. */
export const reportOutside = (state: SanitizerState, device: WatchedDevice, access: StrayAccess): void => {
  const { page, offset, length, write, done } = access;
  const explanation = explainOutside(state, device, access);
  const { recorder } = state;
  const { lease, places = [] } = explanation;
  const descriptor = device.fetched === null ? null : state.stores.latest(...device.fetched);
  const address = dmaAddrOf(page + Math.floor(offset / PAGE_SIZE), offset % PAGE_SIZE);
  const verb = write ? 'wrote' : 'read';
  const did = attempt(done, verb, write ? 'write' : 'read');
  recorder.report({
    id: explanation.id,
    device: device.name,
    severity: 'error',
    harm: 'happened',
    message: `${device.name} ${did} ${length} bytes at ${hex(address)} ${explanation.clue}`,
    places: [
      [lease?.isShared === true ? 'allocated' : 'mapped', lease?.mapped ?? null],
      ...places,
      ['descriptor written', descriptor],
      ['DMA started', device.started],
    ],
    fault: explanation.fault ?? (descriptor === null ? 'DMA started' : 'descriptor written'),
    shape: `${lease?.shape ?? ''} ${verb}`,
  });
};
