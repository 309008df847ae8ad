import {
  GFP_KERNEL,
  SgTable,
  sg_alloc_table,
  for_each_sgtable_sg,
  sg_set_buf,
  virtAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';

/** A scatter-gather table over pieces of a buffer in the linear map. Free it with `sg_free_table`. */
export const listOfBuffer = (lab: ScenarioContext, buffer: VirtAddr, lengths: readonly number[]): SgTable => {
  const sgt = new SgTable(lab.kernel);
  lab.ok(sg_alloc_table(sgt, lengths.length, GFP_KERNEL), 'sg_alloc_table');
  let at = 0;
  let index = 0;
  for (const sg of for_each_sgtable_sg(sgt)) {
    const length = lengths[index++]!;
    sg_set_buf(sg, virtAddr(buffer + at), length);
    at += length;
  }
  return sgt;
};
