"""Tickets of a contract: conversion, hand-over, numbers and deadlines."""
