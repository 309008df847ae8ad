#include <endian.h>
#include "net_card.h"

_Static_assert(sizeof(struct card_desc) == 16, "as long as the card takes it to be");

void give(volatile struct card_desc *desc, __u64 dma, __u32 bytes)
{
	__u32 len = (bytes / 4) << CARD_DESC_LEN_SHIFT;

	desc->ADDR = htole64(dma);
	desc->STATUS = 0;
	__atomic_thread_fence(__ATOMIC_RELEASE); /* a driver calls dma_wmb() */
	desc->CTRL = htole32(len | CARD_DESC_FIRST_MASK | CARD_DESC_LAST_MASK | CARD_DESC_OWN_MASK);
}
