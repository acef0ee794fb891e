#include "textflag.h"

// func multiplyAddAVX2(x *float32, n int, weights, y *float32)
// y[0:32] += x[i] * weights[i*32 : i*32+32] for each i below n, which is above 0.
TEXT ·multiplyAddAVX2(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ weights+16(FP), DI
	MOVQ y+24(FP), DX
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS 64(DX), Y2
	VMOVUPS 96(DX), Y3

next:
	VBROADCASTSS (SI), Y4
	VMULPS (DI), Y4, Y5
	VMULPS 32(DI), Y4, Y6
	VMULPS 64(DI), Y4, Y7
	VMULPS 96(DI), Y4, Y8
	VADDPS Y5, Y0, Y0
	VADDPS Y6, Y1, Y1
	VADDPS Y7, Y2, Y2
	VADDPS Y8, Y3, Y3
	ADDQ $4, SI
	ADDQ $128, DI
	DECQ CX
	JNZ next

	VMOVUPS Y0, (DX)
	VMOVUPS Y1, 32(DX)
	VMOVUPS Y2, 64(DX)
	VMOVUPS Y3, 96(DX)
	VZEROUPPER
	RET

// func sumProductsAVX2(x *int16, pairs int, weights *int8, sums *int32)
// sums[j] = the sum over the pairs of x[2p]*weights[p*64+2j] + x[2p+1]*weights[p*64+2j+1], for j below 32.
TEXT ·sumProductsAVX2(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ pairs+8(FP), CX
	MOVQ weights+16(FP), DI
	MOVQ sums+24(FP), DX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

next:
	VPBROADCASTD (SI), Y4
	VPMOVSXBW (DI), Y5
	VPMOVSXBW 16(DI), Y6
	VPMOVSXBW 32(DI), Y7
	VPMOVSXBW 48(DI), Y8
	VPMADDWD Y4, Y5, Y5
	VPMADDWD Y4, Y6, Y6
	VPMADDWD Y4, Y7, Y7
	VPMADDWD Y4, Y8, Y8
	VPADDD Y5, Y0, Y0
	VPADDD Y6, Y1, Y1
	VPADDD Y7, Y2, Y2
	VPADDD Y8, Y3, Y3
	ADDQ $4, SI
	ADDQ $64, DI
	DECQ CX
	JNZ next

	VMOVDQU Y0, (DX)
	VMOVDQU Y1, 32(DX)
	VMOVDQU Y2, 64(DX)
	VMOVDQU Y3, 96(DX)
	VZEROUPPER
	RET
