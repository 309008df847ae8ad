import type { RequestPiece } from '../../../base/descriptor';
import type { StructDevice } from '../../base/struct-device';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../dma/direction';
import { dma_map_sgtable, dma_unmap_sgtable } from '../../dma/mapping';
import { for_each_sgtable_dma_sg, type SgTable } from '../../scatterlist/sg-table';
import { sg_dma_address, sg_dma_len } from '../../scatterlist/scatterlist';

/** The data of a request: what the device is to read, and what it is to write. At least one of them. */
export interface TransferLists {
  readonly out?: SgTable;
  readonly in?: SgTable;
}

/** How a request ended. */
export interface TransferResult {
  /** 0, or a negative errno. */
  readonly error: number;
  /** Bytes that the device says it moved; undefined if the format has no place for that. */
  readonly written: number | undefined;
  /** What the device gave as status; 0 also where the format has none. */
  readonly status: number;
}

/** Told once, in interrupt context, when a request has ended and its lists are the CPU's again. */
export type TransferCallback = (result: TransferResult) => void;

/** A request from `submit` to its callback. */
export interface Transfer {
  readonly lists: TransferLists;
  readonly callback: TransferCallback;
}

/** Maps the lists of a request. 0, or a negative errno with nothing left mapped. */
export const mapTransfer = (dev: StructDevice, lists: TransferLists): number => {
  const { out, in: into } = lists;
  const error = out === undefined ? 0 : dma_map_sgtable(dev, out, DMA_TO_DEVICE, 0);
  if (error !== 0 || into === undefined) return error;
  const second = dma_map_sgtable(dev, into, DMA_FROM_DEVICE, 0);
  if (second !== 0 && out !== undefined) dma_unmap_sgtable(dev, out, DMA_TO_DEVICE, 0);
  return second;
};

/** Unmaps them: what the device wrote is the CPU's to read. */
export const unmapTransfer = (dev: StructDevice, { out, in: into }: TransferLists): void => {
  if (into !== undefined) dma_unmap_sgtable(dev, into, DMA_FROM_DEVICE, 0);
  if (out !== undefined) dma_unmap_sgtable(dev, out, DMA_TO_DEVICE, 0);
};

const piecesOf = (table: SgTable | undefined, moves: RequestPiece['moves']): RequestPiece[] =>
  table === undefined
    ? []
    : Array.from(for_each_sgtable_dma_sg(table), (sg) => ({
        address: sg_dma_address(sg),
        length: sg_dma_len(sg),
        moves,
      }));

/** Mapped lists as the device is to see them. */
export const transferPieces = ({ out, in: into }: TransferLists): RequestPiece[] => [
  ...piecesOf(out, 'from-memory'),
  ...piecesOf(into, 'to-memory'),
];
